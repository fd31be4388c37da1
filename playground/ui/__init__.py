"""The page: controls made from settings, one handler for all runs, and the views that draw snapshots."""
