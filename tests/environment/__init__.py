"""Where Daypass runs, something is wrong: clocks, files, keys, variables, supervision. One file per subject."""
