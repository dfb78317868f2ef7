"""Pages and plots made from recorded runs."""
