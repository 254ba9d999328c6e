"""The tests mirror the tree; each name is a sentence that states what is true."""
