/** The rules of a queue for replacing older notifications of one kind by newer ones. */
export interface Conflation<N> {
  /**
   * Returns the subject of the notification. A later notification may replace an earlier one of the same
   * subject.
   */
  subjectOf(notification: N): string;
  /** True if the notification must be the first that is sent about its entity. */
  isOpening(notification: N): boolean;
  /**
   * Returns the subject that ends with the notification. Later notifications of that subject follow the
   * end.
   */
  closes?(notification: N): string | undefined;
  /** Returns roughly how many bytes of memory the notification keeps. */
  sizeOf(notification: N): number;
}

/** The rules of a queue that also holds markers: bookmarks and answers to checkpoints. */
export interface BatchConflation<N> extends Conflation<N> {
  /** True for markers. They are sent only after everything that was queued before them. */
  isMarker?(notification: N): boolean;
  /** Returns the notification in a form that allows earlier ones of other subjects after it. */
  outOfOrder?(notification: N): N;
  /** Returns the notification that says that the queue is empty again. `last` was sent last. */
  caughtUp?(last: N): N;
  /** Returns a marker that waited until `last` was sent. Its cursor is not older than that. */
  late?(marker: N, last: N): N;
}
