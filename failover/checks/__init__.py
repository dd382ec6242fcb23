"""Slow checks: what is worth a look every few seconds or minutes, beside the probes that find a dead node.

`timetable` says when, `board` keeps what was found, `runner` drives both; one module per kind of check. What
they find is told in `status`, `explain` and events; only `exchangers`, the way out, takes part in decisions.
"""
