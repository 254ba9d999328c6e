"""The dialects to the byte, in-process: whoever changes an answer that clients rely on finds a red test here."""
