"""What the questions about radiographs share: how a film becomes what networks see, how members vote, how boxes are read."""
