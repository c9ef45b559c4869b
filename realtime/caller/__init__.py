"""The other end of the line: somebody who calls a Realtime server, speaks, listens, and notes when things happened.

    clip       sound to say, and where in it somebody is speaking
    address    what people type for a server's address
    line       the connection: events as they are sent and as they come
    wire       what speaking and hearing need of a connection, so that it may be another
    microphone sound sent in real time, a voice or the quiet of a room
    call       speaking and hearing at once
    ask        one clip said in real time, and everything that was answered
    notebook   events with their times → turns
    player     when each piece of an answer would be heard

The server knows nothing of it: they meet on the wire only.
"""
