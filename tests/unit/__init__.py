"""One module, or one module and a database."""
