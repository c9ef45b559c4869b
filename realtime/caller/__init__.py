"""The other end of the line: somebody who calls a Realtime server, speaks, listens, and notes when things happened.

clip       sound to say, and where in it somebody is speaking
line       the connection: events as they are sent and as they come
ask        one clip said in real time, and everything that was answered
notebook   events with their times → turns
player     when each piece of an answer would be heard
"""
