"""An edge server (ES): radio of its cell, queue, execution."""
