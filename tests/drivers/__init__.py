"""Ways to talk to Daypass: one class per dialect with the same verbs, and a real server."""
