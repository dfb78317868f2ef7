"""What was asked of links, CPUs and queues against what real processes achieved."""
