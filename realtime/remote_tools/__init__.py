"""Tools that somebody else's server offers and runs, over the Model Context Protocol.

    base     what a tool server and its tools are, and how one fails; needs nothing from outside
    fence    the one way to the network: where a client's address may lead, how much may come back
    client   list the tools, call one, with the `mcp` package

A client of ours names the server, so everything it says, and where it is, is taken for hostile.
"""
