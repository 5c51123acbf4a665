"""Labs of real processes, end to end: control planes on both API servers, exporters, people with homes of their own."""
