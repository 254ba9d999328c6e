"""The use cases, each on real databases."""
