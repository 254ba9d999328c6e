raise ImportError("a server has no packages but those of requirements/run.txt")
