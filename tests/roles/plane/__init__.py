"""One node's mail plane on real programs: the lab's image, in namespaces that end with the test."""
