"""The watch over both regions of a mirror set: carries the region latch to where Route 53 sees it, and says what is where."""
