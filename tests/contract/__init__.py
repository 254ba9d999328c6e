"""The bytes of the wire: paths, statuses, headers, bodies and guards of each API and page, in-process."""
