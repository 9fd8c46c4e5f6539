"""mutate.py FILE OLD NEW [OLD NEW]...: the file with every OLD replaced; fails where there is none to replace."""

import sys

text = open(sys.argv[1]).read()
for old, new in zip(sys.argv[2::2], sys.argv[3::2]):
    if old not in text:
        sys.exit(f"{sys.argv[1]} has no '{old}'")
    text = text.replace(old, new)
print(text)
