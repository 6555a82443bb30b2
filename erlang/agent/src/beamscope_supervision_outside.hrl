%% Supervisors that stand outside of the trees of applications: those that no supervisor has started, and no application has
%% at its top. A shell, a script or any other process may have, a worker of an application too. To be included behind
%% beamscope_supervision_roots.hrl and beamscope_survey.hrl, which calls `look_at/2', in front of the first function.
%%
%% A supervisor has been started by `proc_lib', and traps exits. Both can be seen of a process without its doing, at 0.2
%% microseconds each (OTP 25 to 29). Who it says to be takes ten times as long: that is asked only of those which have no row
%% yet, and of so many of them; by the rule of beamscope_copies.hrl, since what stands there may be anything of any size.

%% Processes of a node up to which all are looked at, of half as many where they wait for the schedulers: else those with
%% a name. And up to which they are asked who they are.
-define(LOOKED_THROUGH, 200000).
-define(SOUGHT, 100000).
%% Helpers that ask them, where something may be copied.
-define(SEEKERS, 20).
%% Roots that are listed, of one starter as many as of one supervisor.
-define(OUTSIDE, 1000).
%% Processes that could not be read which are named.
-define(UNREAD, 3).

%% The rows of those which have none among these, and `outside': `found', how many there are, and how many of them have rows;
%% `unread', of how many processes it is not known whether they belong to them, and some of these; `unsought', how many there
%% was no time for, or were too many. Where the tree has a root, none are sought.
outside(_, #{root := _}) ->
    {[], #{}};
outside(Rows, Spec) ->
    #{until := Until} = Timed = halfway(Spec),
    Bounds = (maps:with([pause_ms], Spec))#{until => Until, helpers => ?SEEKERS},
    Join = fun(Portion, Found, {Before, Seen}) -> {[Found | Before], Seen + length(Portion)} end,
    {Trapping, Missed, IsSlow} = all_trapping(Bounds, Join, Spec),
    Known = [{Pid, Type} || #{pid := Pid, type := Type} <- maps:values(Rows)],
    Others = Trapping -- element(1, lists:unzip(Known)),
    Task = {supervising, (maps:with([gate, until], Timed))#{kinds => kinds()}},
    {{Parts, Asked}, _, _} = resume(IsSlow, fun some/2, lists:sublist(Others, maps:get(sought, Spec, ?SOUGHT)), Bounds, Task, Join, {[], 0}),
    {Told, Silent, NoTime} = lists:unzip3(Parts),
    Supervising = maps:from_list([{Pid, known} || {Pid, supervisor} <- Known] ++ lists:append(Told)),
    {{More, Unread, Read}, _} = unread_ones(lists:append(Silent), Timed#{seen := Supervising}),
    Tops = without_parents(lists:append(Told) ++ More, maps:merge(Supervising, maps:from_list(More)), Timed),
    Listed = few_each(lists:sort(Tops), ?OUTSIDE, map_get(children, Spec), #{}),
    Unsought = Missed + length(Others) - Asked + length(lists:append(NoTime)) + length(lists:append(Silent)) - Read,
    {outside_rows(Listed, Spec), #{
        outside => #{
            found => {length(Tops), length(Listed)},
            unread => {length(Unread), lists:sublist(lists:sort(Unread), ?UNREAD)},
            unsought => Unsought
        }
    }}.

%% Who may be one, those with a name first; how many were not looked at; and whether that took long. Of very many the others
%% are not even listed: where they wait for the schedulers, that takes longer than we have.
all_trapping(Bounds, Join, Spec) ->
    Named = [Pid || Name <- registered(), Pid <- [whereis(Name)], is_pid(Pid)],
    {{First, Seen}, Late, IsSlow} = survey(fun some/2, Named, Bounds, trapping, Join, {[], 0}),
    Count = erlang:system_info(process_count),
    Most = maps:get(looked_through, Spec, ?LOOKED_THROUGH) div hd([2 || IsSlow] ++ [1]),
    case Late =/= [] orelse Count > Most of
        true ->
            {lists:append(First), max(0, Count - Seen), IsSlow};
        false ->
            Unnamed = processes() -- Named,
            {{Rest, SeenThen}, _, WasSlow} = resume(IsSlow, fun some/2, Unnamed, Bounds, trapping, Join, {[], 0}),
            {lists:append(First ++ Rest), length(Unnamed) - SeenThen, IsSlow orelse WasSlow}
    end.

%% What is asked of portions of processes. Who traps exits, and was started by `proc_lib'.
look_at(trapping, Pids) ->
    Items = [{initial_call, {proc_lib, init_p, '_'}}, {trap_exit, true}],
    ask(Pids, {[initial_call, trap_exit], ets:match_spec_compile([{{'$1', Items}, [], ['$1']}])});
%% `{Supervisors, Unread, Late}': who says to be a supervisor, `{Pid, Starter}', the first of its ancestors; who could not be read,
%% and for whom there was no time.
look_at({supervising, #{kinds := Kinds} = Plan}, Pids) ->
    {Kept, Late} = kept(['$initial_call', '$ancestors'], short(Pids), Plan),
    Said = fun(Ancestors, Parent) -> {{'$1', [{'$2', '$3', '$4'}, Ancestors]}, says(Kinds), [{{'$1', Parent}}]} end,
    {Read, _} = lists:unzip(Kept),
    {
        ets:match_spec_run(Kept, ets:match_spec_compile([Said(['$5' | '_'], '$5'), Said('_', undefined)])),
        (Pids -- Read) -- Late,
        Late
    }.

%% As `supervises' has it.
says(Kinds) -> [{is_map_key, '$2', {const, Kinds}}, {is_atom, '$3'}, {is_integer, '$4'}].

kinds() ->
    Loaded = [Module || Module <- erlang:loaded(), supervises({Module, init, 1}) =/= none],
    maps:from_list([{Module, true} || Module <- [supervisor, supervisor_bridge] ++ Loaded]).

%% Of those that could not be read as the others: who is a supervisor all the same, since its name says so; who may be one, as
%% it waits, and has not been started by one that is; and how many there was time for.
unread_ones(Pids, Spec) ->
    Step = fun(Some, {Told, Unread, Count}) ->
        Origins = [{Pid, origin(Pid, [], Spec)} || Pid <- Some, waits_as_one(Pid), not is_below(parents(Pid, Spec), Spec)],
        {
            [{Pid, hd(lists:sublist(Ancestors, 1) ++ [undefined])} || {Pid, {Callback, Ancestors}} <- Origins, supervises(Callback) =/= none] ++ Told,
            [Pid || {Pid, {unread, _}} <- Origins] ++ Unread,
            Count + length(Some)
        }
    end,
    scan(fun(Left) -> some(?STARTERS, Left) end, Pids, Spec, Step, {[], [], 0}).

waits_as_one(Pid) ->
    case erlang:process_info(Pid, current_function) of
        {_, {Module, _, _} = Current} -> lists:member(Module, [gen_server, erlang]) orelse not loops(Current);
        _ -> false
    end.

is_below(Parents, #{seen := Supervising}) ->
    lists:any(fun(Parent) -> is_map_key(Parent, Supervising) end, Parents).

%% Those that no supervisor has started. There may be very many of them, and of starters few.
without_parents(Told, Supervising, Spec) ->
    {_, By} = lists:unzip(Told),
    Starters = [{Starter, Parent} || Starter <- lists:usort(By), Parent <- parent([Starter]), is_here(Parent)],
    Others = [Parent || {_, Parent} <- Starters, not is_map_key(Parent, Supervising)],
    Late = [Parent || {Parent, Callback} <- told_callbacks(lists:usort(Others), Spec), supervises(Callback) =/= none],
    Parents = maps:merge(Supervising, maps:from_list([{Parent, true} || Parent <- Late])),
    Above = maps:from_list([{Starter, true} || {Starter, Parent} <- Starters, is_map_key(Parent, Parents)]),
    ets:match_spec_run(Told, ets:match_spec_compile([{{'_', '$1'}, [{'not', {is_map_key, '$1', {const, Above}}}], ['$_']}])).

%% The first so many, with at most so many of each starter. Of one with more the others are dropped at once: they may be all.
few_each([], _, _, _) ->
    [];
few_each(_, 0, _, _) ->
    [];
few_each([{_, By} = First | Tops], Room, Most, Counts) ->
    Count = maps:get(By, Counts, 0) + 1,
    Others =
        case Count of
            Most -> ets:match_spec_run(Tops, ets:match_spec_compile([{{'_', '$1'}, [{'=/=', '$1', {const, By}}], ['$_']}]));
            _ -> Tops
        end,
    [First | few_each(Others, Room - 1, Most, Counts#{By => Count})].

%% A root stands under its pid: others may come and go between two pages.
outside_rows(Tops, Spec) ->
    Started = maps:from_list(Tops),
    [
        (top_row([Pid], Pid, modules(Callback)))#{started_by => map_get(Pid, Started)}
     || {Pid, Callback} <- lists:sort(told_callbacks(maps:keys(Started), Spec)),
        Callback =/= gone
    ].

%% What a row tells of where it stands: who has started it, by its name or its pid, `{ended, Pid}', or `{ended, Name}' where
%% nobody has that name any more, `[]' where nothing tells; and its application.
outside_facts(#{started_by := By, pid := Pid} = Row) ->
    Starter =
        case parent([By]) of
            [Parent] when is_pid(Parent), node(Parent) =:= node() ->
                case erlang:process_info(Parent, registered_name) of
                    {_, Name} -> Name;
                    [] -> Parent;
                    undefined -> {ended, Parent}
                end;
            [Parent] when is_pid(Parent) -> Parent;
            _ when is_atom(By), By =/= undefined -> {ended, By};
            _ -> []
        end,
    Row#{started_by := Starter, application => application(Pid)};
outside_facts(Row) ->
    Row.
