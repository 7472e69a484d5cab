"""What runs in namespaces of the drill, each as a process of its own."""
