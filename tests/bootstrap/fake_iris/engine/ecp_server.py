class EcpServer:
    def __init__(self, server): self.server = server
    def snapshot(self): return {}
    def close(self): pass
