"""The instrument files that ship with the package: one <name>.yaml each; adding a camera is adding a file."""
