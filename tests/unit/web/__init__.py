"""What pages are made of, without a request where it needs none."""
