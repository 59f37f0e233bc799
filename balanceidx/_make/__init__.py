"""From data to a plan: runs once, when a plan is made."""
