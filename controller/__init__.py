"""The controller: answers cells, learns policies."""
