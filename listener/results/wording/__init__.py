"""Every sentence that a reader of the results sees: `english.toml`, or a site's own; findings in, words out.

`catalogue` reads and checks them; `terms` makes what stands inside sentences, `reasons` tells what inference
wrote, `sentences` are the report's, `captions` the pictures'. Nothing else in the node words a result.
"""
