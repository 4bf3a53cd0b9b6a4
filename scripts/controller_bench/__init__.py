"""Changes of role and scale-downs of a real service under load, timed and counted."""
