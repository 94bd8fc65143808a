"""Collections as folders: files with checksums and validity ranges, out of one register and into another."""
