"""The Systems Manager Automation documents (runbooks) that work on a mirror: pure Python, one function a document."""
