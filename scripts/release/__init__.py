"""What `make release` makes of a commit, into dist/: docs/releasing.md says how it is used."""
