"""The pages of the invented ferry line that `penstock.testing.site` serves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PageText:
    """One page: its title, a one-line summary, and the HTML of its article."""

    title: str
    summary: str
    body: str


PAGES: dict[str, PageText] = {
    "/": PageText(
        "Across the sound, every day",
        "Two small ferries between Orrin, Skell and Innes.",
        """
<p>Orrin Sound Ferries carries people, bicycles, post and the odd sheep between the mainland town of Orrin and the
islands of Skell and Innes. Two ships make eleven crossings a day in summer and six in winter, and in ninety years
they have missed fewer than one sailing in a hundred.</p>
<p>If this is your first time here, start with <a href="/crossings">the crossings</a> and how long they take, then
look at <a href="/visit">what to bring</a>. If you like ships more than islands, <a href="/fleet">the fleet</a> is
short but well loved.</p>
<p>The <a href="/timetable.csv">timetable</a> is a plain file you can print. Harbour weather comes from
<a href="https://example.com/harbour-weather">the coast station</a>, and the latest is under
<a href="/news">news</a>.</p>
""",
    ),
    "/crossings": PageText(
        "Crossings",
        "Routes, durations and fares.",
        """
<p>There are two routes. Both start at the stone quay in Orrin, five minutes on foot from the railway station, and
tickets are sold on board by whoever is not steering.</p>
<table>
<tr><th>Route</th><th>Minutes</th><th>Adult fare</th></tr>
<tr><td><a href="/crossings/skell">Orrin to Skell</a></td><td>35</td><td>6.40</td></tr>
<tr><td><a href="/crossings/innes">Orrin to Innes</a></td><td>80</td><td>11.20</td></tr>
</table>
<p>Children under twelve travel free with an adult. A ten-trip card costs the price of eight and does not expire,
which is why some of them are older than the ships that accept them.</p>
<h2>When we do not sail</h2>
<p>Above force eight the skipper decides at the quay, half an hour before departure. A cancelled sailing is refunded
in full, or carried over to any later one; <a href="/visit">plan a spare day</a> if you have a flight to catch.</p>
""",
    ),
    "/crossings/skell": PageText(
        "Orrin to Skell",
        "The short route: 35 minutes.",
        """
<p>The short crossing runs due west past the Cormorant Stacks. Sit on the left on the way out: between April and
July the ledges are crowded with guillemots, and the skipper slows down for anybody with binoculars.</p>
<p>Skell has one road, eleven kilometres long, a shop that opens when the ferry comes in, and a walk around the
northern cliffs that takes most of a day. The last boat back leaves at 18:20 and does not wait.</p>
<ul><li>Ship: <a href="/fleet/petrel">the Petrel</a></li><li>Sailings: seven a day in summer, four in winter</li>
<li>Bicycles: <a href="/visit/bicycles">up to twelve</a></li></ul>
""",
    ),
    "/crossings/innes": PageText(
        "Orrin to Innes",
        "The long route: 80 minutes.",
        """
<p>The long crossing leaves the shelter of the sound and meets the open swell for its last half hour. It is not
dangerous, but it is lively, and the café on board stops serving soup past the lighthouse for good reason.</p>
<p>Innes is larger and greener than Skell. Its harbour village has two inns, a school with nineteen pupils and a
small museum of knots. Cars are carried on this route only, six at a time, and must be booked by telephone.</p>
<ul><li>Ship: <a href="/fleet/marrow">the Marrow</a></li><li>Sailings: four a day in summer, two in winter</li></ul>
<p>Things left behind on Innes are listed under <a href="/lost-and-found">lost and found</a>.</p>
""",
    ),
    "/fleet": PageText(
        "The fleet",
        "Two ships and a rowing boat.",
        """
<p>The line owns two ships and, for reasons nobody remembers, a rowing boat that appears in every annual report as
an asset worth one pound.</p>
<ol><li><a href="/fleet/petrel">Petrel</a>, built 1988, 96 passengers</li>
<li><a href="/fleet/marrow">Marrow</a>, built 2006, 140 passengers and six cars</li></ol>
<p>Both burn less fuel than they did ten years ago: their propellers were replaced in 2019, and the skippers agreed
to arrive three minutes later, which saved more than the propellers did.</p>
""",
    ),
    "/fleet/petrel": PageText(
        "Petrel",
        "Built 1988, 96 passengers.",
        """
<p>The Petrel was built for a river and took to the sea late. She draws only a metre and a half, so she can land at
Skell at any tide, and she rolls in a way that regular passengers call companionable.</p>
<p>Her engine is the third she has had; the second one stands painted green in the square at Orrin, where children
climb on it. In winter she is lifted out for three weeks and the Marrow serves both islands.</p>
""",
    ),
    "/fleet/marrow": PageText(
        "Marrow",
        "Built 2006, 140 passengers and six cars.",
        """
<p>The Marrow carries what the islands cannot do without: cars, fodder, furniture and the mobile library. Her bow
opens, her café seats thirty, and her horn can be heard in three parishes.</p>
<p>She was named by the schoolchildren of Innes after the largest vegetable of that year's show. The vegetable
weighed twenty-six kilograms and travelled on the maiden voyage as a guest.</p>
""",
    ),
    "/visit": PageText(
        "Plan a visit",
        "What to bring, where to wait, what to expect.",
        """
<p>Bring a coat, even in August, and cash, since the card reader loses its signal behind the stacks. Be at the quay
ten minutes before departure. Dogs travel free and usually know the way.</p>
<p>The waiting room in Orrin is heated and has a kettle. If you are staying overnight, ask at the office: the inns
on Innes fill up in the week of the vegetable show, and there is no campsite on Skell.</p>
<p>Travelling on two wheels? Read <a href="/visit/bicycles">about bicycles</a> first. Anything else:
<a href="/contact">write to us</a>.</p>
""",
    ),
    "/visit/bicycles": PageText(
        "Bicycles",
        "Free, if there is room.",
        """
<p>Bicycles travel free. The Petrel takes twelve and the Marrow thirty; there is no booking, so groups of more than
six should telephone the day before. Take off your panniers before you come aboard, and hand the bicycle to the crew
rather than lifting it over the rail yourself.</p>
<blockquote>The rail has won every argument so far. <cite>The mate of the Petrel</cite></blockquote>
<p>Electric bicycles are welcome up to thirty kilograms. Batteries cannot be charged on board.</p>
""",
    ),
    "/history": PageText(
        "History",
        "From a herring boat in 1931 to two ships.",
        """
<p>The line began in 1931, when a herring fisher named Ishbel Torrance noticed that she was asked for passages more
often than for herring. Her first timetable was chalked on the harbour wall, and a line of it is still there.</p>
<h2>Three dates</h2>
<ul><li>1931: the first regular crossing, in an open boat</li>
<li>1953: <a href="/history/storm-of-1953">the great storm</a></li>
<li>1974: the islanders buy the line, one share each</li></ul>
<p>It is still owned that way. The annual meeting is held on board, because everybody has to come anyway.</p>
""",
    ),
    "/history/storm-of-1953": PageText(
        "The storm of 1953",
        "Nine days without a crossing.",
        """
<p>In the last week of January 1953 the sound could not be crossed for nine days. On the fourth day Skell ran out of
flour and lamp oil; on the sixth, the islanders burned the old pier to dry the school.</p>
<p>On the tenth morning Ishbel Torrance, then sixty-four, took the first boat over with bread, post and a doctor. Her
log for the day reads, in full: <em>Late. Sea moderate. All well.</em></p>
""",
    ),
    "/contact": PageText(
        "Contact",
        "Where to find us.",
        """
<p>The office stands at the head of the stone quay and is open from six in the morning until the last ship is tied
up. The telephone is answered by a person, who will ask you to speak up.</p>
<p>Write to <code>office@orrin-sound.example</code>. The rota is kept by <a href="/staff/rota">the crew</a> and is
nobody else's business.</p>
""",
    ),
    "/staff/rota": PageText(
        "Rota",
        "For the crew.",
        "<p>This page is closed to robots, and a crawler that reads it has not read robots.txt.</p>",
    ),
}
