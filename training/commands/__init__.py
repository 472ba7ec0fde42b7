"""The steps behind the commands: values from the command line in, words for a person out.

One module for each kind of thing that commands work on: data sets, runs, bundles.
"""
