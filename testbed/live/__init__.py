"""A run on real processes: started, watched, ended, and fitted to this host."""
