"""Ends with exit code 0 if an address answers well: a health check without curl."""

import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=10) as answer:
    sys.exit(answer.status != 200)
