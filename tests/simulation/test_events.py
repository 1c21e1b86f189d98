from distbelief.simulation.events import EventQueue


def test_things_happen_in_the_order_of_their_times():
  events, seen = EventQueue(), []
  events.at(2.0, seen.append, 'late')
  events.at(1.0, seen.append, 'early')
  events.at(1.0, seen.append, 'as early, asked for later')
  assert events.next() and events.now == 1.0
  while events.next():
    pass
  assert seen == ['early', 'as early, asked for later', 'late']
  assert events.now == 2.0 and not events.next()


def test_what_happens_may_ask_for_more():
  events, seen = EventQueue(), []

  def again(count):
    seen.append(events.now)
    if count:
      events.at(events.now + 0.5, again, count - 1)

  events.at(0.0, again, 2)
  while events.next():
    pass
  assert seen == [0.0, 0.5, 1.0]
