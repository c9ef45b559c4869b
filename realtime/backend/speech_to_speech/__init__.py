"""`AudioToAudioStream`: whole spoken conversations, held by the conductor as those of `/v1/realtime` are.

room       the call: conversations of one stream, and how they end
config     what a stream begins with → a session
controls   what a client says in between
words      sessions and tools in the words of the contract, of OpenAI's generations, and of Chat Completions
events     what the conversation tells, as the contract names it
sound      from and to the stream's rates
"""
