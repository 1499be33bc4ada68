import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { Observable } from 'rxjs';

/** A view of the cell that emits each commit as soon as the view shows it. A replica is one. */
export interface ChangingView extends CellView {
  readonly changes$: Observable<CommitChanges>;
}
