"""FER-2013 as people have it, turned into one frozen type; its audit; synthetic faces."""
