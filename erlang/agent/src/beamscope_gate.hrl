%% Lets one process at a time do what is dear. To be included behind beamscope_scan.hrl, in front of the first function.

%% Milliseconds between two looks at whether others are at it.
-define(GATE_MILLIS, 2).

%% A table that ends with us, and says who is inside. Who was killed there cannot say that he is out, so whoever is dead
%% counts as out.
gate() -> ets:new(beamscope_gate, [public]).

%% Whether we are inside, before the time is up.
entered(Gate, Until) ->
    case ets:insert_new(Gate, {holder, self()}) of
        true ->
            true;
        false ->
            open_behind_dead(Gate, ets:lookup(Gate, holder)),
            Left = Until - now_ms(),
            receive
            after max(0, min(Left, ?GATE_MILLIS)) -> Left > 0 andalso entered(Gate, Until)
            end
    end.

%% Deletes what was looked up, and nobody who has come since.
open_behind_dead(Gate, [{_, Holder} = Entry]) -> is_process_alive(Holder) orelse ets:delete_object(Gate, Entry);
open_behind_dead(_, []) -> true.
