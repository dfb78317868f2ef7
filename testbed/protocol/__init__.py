"""Messages, codec and session, without input or output."""
