"""What one worker can do: step times and KV capacity from a profile."""
