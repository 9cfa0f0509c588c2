"""What scores say and how sure that is. Pure functions of numbers; scipy is imported only where it is used."""
