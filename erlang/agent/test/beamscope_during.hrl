%% How things happen in the window that a function of the agent looks through. To be included behind the types and in
%% front of the first function.

-include("beamscope_waiting.hrl").

-compile({nowarn_unused_function, [{during, 2}, {rests, 1}]}).

%% Runs Call in a process, and Act as soon as that sleeps between its samples.
during(Call, Act) ->
    {Worker, Monitor} = spawn_monitor(fun() -> exit({answer, Call()}) end),
    until(fun() -> rests(process_info(Worker, [status, links, current_function])) end),
    Done = Act(),
    receive
        {'DOWN', Monitor, process, Worker, {answer, Answer}} -> {Answer, Done}
    end.

%% Where the loaded code waits, and where the interpreter does; who waits for a helper is linked to it.
rests([{_, waiting}, {_, []}, {_, {_, rest, 1}}]) -> true;
rests([{_, waiting}, {_, []}, {_, {prim_eval, 'receive', 2}}]) -> true;
rests(_) -> false.
