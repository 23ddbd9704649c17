"""What a deployment on AWS is made of: what it costs (`costs`)."""
