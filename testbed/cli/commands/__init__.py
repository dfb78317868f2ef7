"""One module for each verb of the command line: ``add(parser)`` declares its arguments, ``main(args)`` does it."""
