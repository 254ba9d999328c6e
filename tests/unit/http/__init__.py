"""What the HTTP entry points share, module by module."""
