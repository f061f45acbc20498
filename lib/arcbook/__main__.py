from arcbook.cli import main

main()
