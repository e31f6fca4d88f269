"""Workers of class interpreter are replaced one after the other under load: every response is right, each one is made anew."""
import sys

import replacing

server, thread = replacing.begin("interpreters:app", threads=2)
replacing.replace(server, int(sys.argv[1]), "GET", None, "{}")
replacing.end(server, thread)
