"""What decisions could have been at best, knowing everything: found ones, and a bound that none can pass."""
