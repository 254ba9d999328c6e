"""Where Daypass runs: clocks, files, users, settings, proxies, supervision; the claims that need such a machine."""
