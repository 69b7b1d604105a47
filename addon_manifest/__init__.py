"""The extension's papers and the zip made with them: the manifest, which is the one place of the version, and licences.

Standard library only.
"""
