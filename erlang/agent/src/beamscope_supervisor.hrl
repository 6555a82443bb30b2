%% What one supervisor is asked, and whether it may be: for its children, and for its state, which alone tells strategy and
%% restarts. What it would copy at worst is looked at before it is asked anything, and a helper takes the answer, whose failure
%% costs that answer only. To be included behind beamscope_cut.hrl, beamscope_idle.hrl and beamscope_apart.hrl, in front of the
%% first function.

%% Words that a supervisor may copy for us where it shares as much as it can: 512 MiB. For its children it copies each id
%% once; for its state each id up to three times, or what children were started with. Of so many ids that have been copied
%% the three copies are small.
-define(COPY, 67108864).
-define(STATE_COPIES, 3).
%% Processes up to which one is asked that may keep ids: of so many the bound on what it copies leaves room for the garbage
%% of its own work.
-define(IDENTIFIED, 500).
%% Words that a child takes on the heap of a supervisor that knows its children by ids, at least (OTP 23; 15 from OTP 24 on).
%% Only such ones can share what they were started with: of others each child came in a message, which shares nothing.
-define(LEAST, 14).
%% Behaviours of callbacks of supervisors: what is none but the first has no children that its own init/1 made.
-define(SUPERVISING, ['Elixir.DynamicSupervisor', 'Elixir.Supervisor', supervisor]).
%% Words of heap of the helper that takes an answer.
-define(ANSWER, 8388608).
%% Words of heap up to which a supervisor is rid of what our question leaves there, which takes it 1 to 50 microseconds with up
%% to 600 children and 1 ms with so many words (OTP 25 to 27), and milliseconds that we wait for all of them.
-define(COLLECTED, 262144).
-define(COLLECTING, 200).
%% Milliseconds for which one that had answered is looked at again before it is asked for its state.
-define(PAUSE, 20).
%% Bytes of an id that is sent as it is, and modules of a child.
-define(ID, 256).
-define(MODULES, 10).
%% Guards of what supervisor:which_children/1 may tell as a process and as a type.
-define(DOCUMENTED, [
    {'orelse', {is_pid, '$1'}, {'=:=', '$1', undefined}, {'=:=', '$1', restarting}},
    {'orelse', {'=:=', '$2', worker}, {'=:=', '$2', supervisor}}
]).

%% Words of heap up to which whoever asks takes it on himself what this supervisor copies.
permitted(Pid, #{permitted := Pids, permitted_heap := Most}) -> lists:max([0 | [Most || lists:member(Pid, Pids)]]);
permitted(_, _) -> 0.

%% Words of heap of the helper that takes an answer of this supervisor.
room(Pid, Spec) -> max(?ANSWER, 3 * permitted(Pid, Spec)).

%% What a supervisor is asked for: how many children it has, those with a process, so many of them as `small' makes
%% them, and how many more it told of in no form that is documented; as of `apart'.
asked(Pid, Most, #{until := Until, call_ms := Timeout} = Spec) ->
    %% It is slow to answer or it is not; what takes time behind that is ours.
    Millis = Timeout + max(0, Until - now_ms()),
    apart(room(Pid, Spec), Millis, fun() -> told_children(gen_server:call(Pid, which_children, Timeout), Most) end).

%% Rids supervisors that were asked of the garbage that our questions made, which at rest they would never collect. What is asked
%% of them, or told of their memory, hangs on how large their heaps are, and must not hang on how often we have asked. A heap
%% becomes as large as what lay there before it was collected needs, so the second time makes it as large as what is left.
collect(Pids, Spec) ->
    Small = [Pid || Pid <- Pids, used(Pid) =< max(?COLLECTED, 2 * permitted(Pid, Spec))],
    %% At low priority this would wait for all that others do.
    Priority = process_flag(priority, normal),
    lists:foreach(fun(_) -> collect_once(Small) end, [first, second]),
    process_flag(priority, Priority).

collect_once(Pids) ->
    Mark = make_ref(),
    lists:foreach(fun(Pid) -> erlang:garbage_collect(Pid, [{async, Mark}]) end, Pids),
    collected(Mark, length(Pids), now_ms() + ?COLLECTING).

collected(_, 0, _) ->
    ok;
collected(Mark, Count, Until) ->
    receive
        {garbage_collect, Mark, _} -> collected(Mark, Count - 1, Until)
    after max(0, Until - now_ms()) -> late
    end.

told_children(Children, Most) ->
    Known = ets:match_spec_run(Children, ets:match_spec_compile([{{'_', '$1', '$2', '_'}, ?DOCUMENTED, ['$_']}])),
    Alive = [Child || {_, Child, _, _} <- Known, is_pid(Child)],
    {length(Known), Alive, lists:map(fun small/1, lists:sublist(ordered(Known), Most)), length(Children) - length(Known)}.

%% A supervisor names its children last first; those that have no id it names in no order.
ordered(Children) ->
    case lists:all(fun(Child) -> element(1, Child) =:= undefined end, Children) of
        true -> lists:keysort(2, Children);
        false -> lists:reverse(Children)
    end.

%% A child as its supervisor names it, and as rows are made of: its id cut where it is large.
small({Id, Child, Type, Modules}) ->
    {cut(Id, ?ID), Child, Type, named(Modules), [{id_is, cut} || erlang:external_size(Id) > ?ID]}.

%% `dynamic' too where they are no list of modules.
named(Modules) ->
    try lists:all(fun erlang:is_atom/1, Modules) of
        true -> lists:sublist(Modules, ?MODULES);
        false -> dynamic
    catch
        error:_ -> dynamic
    end.

%% Words that lie on the heap of a process, what it has let go of among them; not what it has room for.
used(Pid) ->
    case erlang:process_info(Pid, garbage_collection_info) of
        {_, Facts} -> lists:sum([proplists:get_value(Item, Facts, 0) || Item <- [heap_size, old_heap_size, mbuf_size]]);
        undefined -> 0
    end.

%% Whether a supervisor with so many words on its heap and so many processes as children may be asked for something of which
%% each word may stand there once and be copied so many times for each child. At worst all but the least that its children
%% take is what they share; and it may have children without a process.
bearable(Copies, Words, Links) ->
    Children = max(Links, Words div (2 * ?LEAST)),
    Copies * Children * (Words - ?LEAST * Children) =< ?COPY.

%% Whether a supervisor with these callbacks may be asked for its children.
may_tell(Module, Words, Links) ->
    tells_little(Module, Words) orelse Links =< ?IDENTIFIED andalso bearable(1, Words, Links).

%% Whether what a supervisor with these callbacks tells of its children takes no more than its heap: a DynamicSupervisor of
%% Elixir's tells no ids, and what it tells came in a message for each child, which is copied without sharing. What is started
%% without a module of its own, a Supervisor too, has children from whoever started it, which were copied as well. Source:
%% dynamic_supervisor.ex, and supervisor/default.ex, whose init/1 hands on its argument (Elixir 1.10 to 1.20).
tells_little(_, Words) when Words > ?ANSWER ->
    false;
tells_little('Elixir.Supervisor.Default', _) ->
    true;
tells_little('Elixir.Task.Supervisor', _) ->
    true;
tells_little(Module, _) ->
    [Name || Name <- behaviours(Module), lists:member(Name, ?SUPERVISING)] =:= ['Elixir.DynamicSupervisor'].

%% Those that a module names. It tells of itself without being loaded for that, or called.
behaviours(Module) ->
    try
        lists:append([Names || {Key, Names} <- erlang:get_module_info(Module, attributes), lists:member(Key, [behaviour, behavior])])
    catch
        error:_ -> []
    end.

%% Whether the state of one takes no more than its heap either: it forgets what its children were started with, since they
%% are not started again. Others keep that, and may share it though it came in messages: what was a literal of a module or a
%% persistent term when it came was not copied, and is put on their heap once when that is purged or erased.
keeps_little(Module) -> Module =:= 'Elixir.Task.Supervisor'.

%% Strategy and restarts, which only the state of a supervisor tells. It copies that for us, so its heap must not be large.
limits(_, #{unanswered := true}, _) ->
    #{};
limits(_, #{busy := _}, _) ->
    #{};
limits(_, #{large := _}, _) ->
    #{};
limits(_, Facts, _) when not is_map_key(callback, Facts); is_map_key(not_asked, Facts) ->
    #{};
limits(Pid, Facts, #{state_heap := Most} = Spec) ->
    %% It may have become busy since it was found, or be about to wait again after an answer.
    case idle(Pid, now_ms() + ?PAUSE) of
        idle ->
            %% What it has let go of since, as the list that it built for us, was no part of its state.
            Words = min(used(Pid), maps:get(heap, Facts, infinity)),
            Links = length(maps:get(links, Facts, [])),
            IsBearable = Words =< Most andalso (bearable(copies(Facts), Words, Links) orelse keeps_little(map_get(callback, Facts))),
            case IsBearable orelse Words =< permitted(Pid, Spec) of
                true -> told_state(Pid, Words, Spec);
                false -> #{large => Words}
            end;
        gone ->
            #{};
        Busy ->
            #{busy => Busy}
    end.

%% How often a state may have what its children share, by what is known of its ids: those that were copied are small.
copies(#{is_large := false, children := _}) -> 1;
copies(_) -> ?STATE_COPIES.

told_state(Pid, Words, #{call_ms := Timeout} = Spec) ->
    case apart(room(Pid, Spec), 2 * Timeout, fun() -> state(sys:get_state(Pid, Timeout)) end) of
        {answer, Limits} -> Limits;
        {raised, {timeout, _}} -> #{unanswered => true};
        late -> #{unanswered => true};
        too_large -> #{large => Words};
        {raised, _} -> #{}
    end.

%% The record of `supervisor', whose first eight fields have been these since OTP 18, and Elixir's DynamicSupervisor.
state(State) when element(1, State) =:= state, tuple_size(State) >= 11 ->
    restarts(element(3, State), element(6, State), element(7, State), element(8, State));
state(#{strategy := Strategy, max_restarts := Intensity, max_seconds := Period, restarts := Restarts}) ->
    restarts(Strategy, Intensity, Period, Restarts);
state(_) ->
    #{}.

restarts(Strategy, Intensity, Period, Restarts) when
    is_atom(Strategy), is_integer(Intensity), is_integer(Period), is_list(Restarts)
->
    Since = erlang:monotonic_time(1) - Period,
    #{
        strategy => Strategy,
        intensity => Intensity,
        period => Period,
        restarts => length([Time || Time <- Restarts, is_integer(Time), Time >= Since])
    };
restarts(_, _, _, _) ->
    #{}.
