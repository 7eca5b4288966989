"""Doors: command line, REST, worker. A door parses, calls one function and translates."""
